"""The web page and its API: pictures in, the same reports out; nothing leaves the machine, nothing is kept on disk.

Uploads are received by one process and examined by others (`pool`), so that a picture that takes too long, takes too
much or kills its worker costs nobody else's answer. Needs the extra ``[web]``.
"""
