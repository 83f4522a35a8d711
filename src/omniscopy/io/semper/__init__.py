"""Pictures of the program Semper (.unf): Fortran records of rows."""
