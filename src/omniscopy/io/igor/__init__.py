"""Igor Pro binary waves (.ibw), those of Asylum Research and Omicron Matrix among them."""
