"""Work on a cluster: connect to a Dask scheduler, spread an evaluation over its workers."""
