"""The desk's pages. A view reads the request, calls one query or one service, and renders."""
