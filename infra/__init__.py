"""The Pulumi program's components: clusters, images, add-ons, serving and monitoring."""
