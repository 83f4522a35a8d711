"""MRC images, stacks, volumes and 4D-STEM scans, with FEI and Direct Electron metadata."""
