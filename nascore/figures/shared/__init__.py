"""What all figures share: style, names, panels, legends, the layout of graphs, saving."""
