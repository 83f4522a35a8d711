"""Force curves, maps, quantitative imaging and images of JPK instruments (.jpk-*)."""
