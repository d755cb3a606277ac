"""Speech by Baidu's web service."""
