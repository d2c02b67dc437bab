"""Asks every endpoint of a stack that runs and compares what comes back with the model's golden output.

From a shell: `python -m infra.smoke --stack prod`. Each `infra.endpoint.EndpointKind` has its client in `clients/`.
"""
