from tests.prefect_here import portrait_file, prefect_server, store_here

__all__ = ["portrait_file", "prefect_server", "store_here"]
