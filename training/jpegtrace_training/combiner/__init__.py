"""The combiner of the lattice engine: data, network, training, export."""
