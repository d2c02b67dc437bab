"""What goes together and until when: GPUs, drivers, CUDA, Kubernetes, charts, images."""
