"""Isolated instances of a web platform, one per client, from creation to proven erasure."""

import os

__version__ = "0.1.0"

# gRPC's handlers at fork are not for us: every child is exec'ed at once, and with many
# threads inside gRPC they have crashed a child between fork and exec (SIGSEGV).
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
