"""The HTTP gateway: owners, requests and files; Prefect does the work."""
