"""Read radiographs, find text markers on them and erase them."""
