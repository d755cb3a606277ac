"""Drawing of songbirds: shapes, poses, light and backgrounds."""
