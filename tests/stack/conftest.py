from tests.prefect_here import portrait_file

__all__ = ["portrait_file"]
