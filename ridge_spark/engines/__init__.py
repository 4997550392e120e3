"""Who visits the blocks: one process, Spark tasks with all of X, or Spark tasks with their part."""
