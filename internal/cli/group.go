package cli

// group returns the program that the commands of c are: "holdfast fleet".
func (a *App) group(c *Command) *App {
	return &App{Name: a.Name + " " + c.Name, About: c.About, Commands: c.Commands, exits: c.Exits, nested: true}
}

// helpOn prints the usage of the command that words name: one, or a group and one of its commands.
func (a *App) helpOn(s Streams, words []string) error {
	if len(words) == 0 {
		return s.Exact(a.usage(s.Columns))
	}
	c, err := a.find(words[0])
	switch {
	case err == nil && c.Commands != nil:
		return a.group(c).helpOn(s, words[1:])
	case len(words) > 1:
		return Misusef("%d arguments; want one command at most", len(words))
	case err != nil:
		return err
	}
	return s.Exact(a.usageOf(c, s.Columns))
}

// namesIn returns the choices after words, which name a command or a group, in the arguments of
// help.
func (a *App) namesIn(words []string) Choices {
	if len(words) == 0 {
		return a.names()
	}
	if c, err := a.find(words[0]); err == nil && c.Commands != nil {
		return a.group(c).namesIn(words[1:])
	}
	return Choices{}
}
