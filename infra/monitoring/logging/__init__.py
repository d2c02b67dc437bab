"""Lines of the containers, brought to where they are kept."""
