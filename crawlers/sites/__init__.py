"""Sites: pages found through sitemaps and links, read in a process of their own, remembered in a frontier."""
