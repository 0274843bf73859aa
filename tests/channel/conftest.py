from channel_builders import make_outgoing, make_settings

__all__ = ["make_outgoing", "make_settings"]
