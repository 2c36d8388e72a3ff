"""Methods scored and compared."""
