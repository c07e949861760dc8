//! What every process needs: telemetry, clock, shutdown, health, admin endpoints, backoff.
