"""One file per noun; each has `pages` (its routes) and, where it stands in the navigation, `MENU`. Found by themselves."""
