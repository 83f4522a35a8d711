"""Maps of Keyence laser microscopes (.vk4, .vk3)."""
