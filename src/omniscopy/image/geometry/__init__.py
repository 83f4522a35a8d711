"""Where pixels of images are: circles, distortions, scales."""
