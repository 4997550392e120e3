"""Classes of images that a trained model has not seen: of files, of a data set, on Spark."""
