"""NanoFocus confocal maps (.nms)."""
