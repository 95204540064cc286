"""Running work: inbox runner, outbox relay, queue, worker, scheduler, and the processes they live in."""
