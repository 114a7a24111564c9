"""What a number is worth: metrics with intervals. Calibration, shift and saliency join it with Episode 4."""
