"""
Large files on their way to the disk: parts that are gone on with, the room for them, durable ends.
"""
