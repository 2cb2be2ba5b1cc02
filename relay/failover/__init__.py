"""The regional failover run: prepared in parallel, decided at three gates, recorded so that it can be resumed at any
point."""
