"""What nodes are told of copies: the files that containerd, CRI-O, podman and docker read."""
