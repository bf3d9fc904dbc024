"""docs/ as a site, and its commands run as whoever reads them runs them."""
