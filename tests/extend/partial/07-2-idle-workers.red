handoff: only the workers read, and they are five
handoff: a worker has only its client open, the parent only the listener
handoff: it serves as many clients as it has workers; the next one waits
handoff: a killed worker loses its client, and the parent starts another one
handoff: workers that are killed while they are free are replaced, all of them
