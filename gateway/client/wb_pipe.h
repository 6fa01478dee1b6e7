/*
 * wb_pipe.h - a carrier inside the process: pipes (gateway/pipe.h) to a venue that runs in it.
 *
 * For the benchmark: what an order costs without any network. One per process, one thread.
 */
#ifndef WIREBOOK_CLIENT_WB_PIPE_H
#define WIREBOOK_CLIENT_WB_PIPE_H

struct pipes;

/* `pipes` become the carrier of all clients; hosts and ports say nothing then. They stay the
 * caller's and must outlive all clients. */
void wb_pipe_use(struct pipes *pipes);

#endif
