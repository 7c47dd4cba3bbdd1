package storm

import "sync"

// crew runs functions in goroutines that it keeps for the next ones: those of a storm need deep
// stacks, and to grow a new one for each call costs more than the call.
type crew struct {
	mu   sync.Mutex
	idle []chan func()
	runs sync.WaitGroup
}

// mostIdle is how many goroutines are kept.
const mostIdle = 1000

// run has f run in a goroutine.
func (c *crew) run(f func()) {
	c.runs.Add(1)
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		next := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		next <- f
		return
	}
	c.mu.Unlock()
	go c.work(f)
}

func (c *crew) work(f func()) {
	next := make(chan func(), 1) // whoever has taken it out of idle need not wait
	running := false
	defer func() {
		if x := recover(); x != nil {
			panic(x) // it ends the process, and nobody may go on before
		}
		if running { // f has called runtime.Goexit
			c.runs.Done()
		}
	}()
	for f != nil {
		running = true
		f()
		running = false
		c.mu.Lock()
		kept := len(c.idle) < mostIdle
		if kept {
			c.idle = append(c.idle, next)
		}
		c.mu.Unlock()
		c.runs.Done()
		if !kept {
			return
		}
		f = <-next
	}
}

// wait returns when all functions have returned, and leaves no goroutine. No more of them are run.
func (c *crew) wait() {
	c.runs.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, next := range c.idle {
		next <- nil
	}
	c.idle = nil
}
