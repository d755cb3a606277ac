"""The web page of ``speech2img serve``, on gradio (the ``app`` extra): speak or type, look, keep."""
