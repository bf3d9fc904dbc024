"""Waiting and blocking: slots, threads, coroutines, and a service that is one coroutine."""
