"""
What is asked by the programs of Cray's systems that use image management, as each of them asks it.
"""
