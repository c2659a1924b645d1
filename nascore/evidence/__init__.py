"""What can be said: printed and measured numbers side by side, findings from records, true accuracies."""
