"""Training recipes; they import jpegtrace; of the reverse there is only the command `jpegtrace train`."""
