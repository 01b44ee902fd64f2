"""Callers are told of their videos: Standard Webhooks, at least once, whatever breaks meanwhile.

events.emit        the event lies in the outbox, in the transaction that changed the video
fanout             one delivery for each endpoint that wants it, and for the callback_url
deliverer          claims what is due, sends it, notes what came of it
"""
