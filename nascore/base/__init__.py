"""What every room stands on: settings as values, errors that name the remedy, files, paths, processes."""
