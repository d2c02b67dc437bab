"""What every stack must be: rules that the offline preview and the engine's policy pack judge alike.

Nothing here imports more than the standard library and PyYAML, for the pack has an environment of its own:
pulumi-policy wants an older protobuf than the model server.
"""
