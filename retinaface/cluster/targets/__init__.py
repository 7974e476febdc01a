"""Run the targets of a plan, each isolated on a worker that has what it needs."""
