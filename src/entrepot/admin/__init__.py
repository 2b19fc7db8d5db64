"""The JSON admin API under /api/v1: one file per noun. The command line and the pages use it.

`needs` says who may call what, `caller` holds them to it; every change and its audit row are one
transaction. FastAPI is imported at the first request, not at the start (`asgi`).
"""
