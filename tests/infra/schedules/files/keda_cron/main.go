// Command keda_cron prints when KEDA's cron scaler would turn active and inactive, minute by minute.
//
//	go run . START END ZONE FROM TO
//
// START and END are cron expressions, FROM and TO instants as RFC 3339 has them. Each line is a state ("on" or "off")
// and the instant from which it holds, in UTC; the first is FROM's own.
package main

import (
	"fmt"
	"log"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 6 {
		log.Fatal("usage: keda_cron START END ZONE FROM TO")
	}
	start, end := schedule(os.Args[1]), schedule(os.Args[2])
	zone, err := time.LoadLocation(os.Args[3])
	check(err)
	was := ""
	for now, to := instant(os.Args[4]), instant(os.Args[5]); now.Before(to); now = now.Add(time.Minute) {
		if state := state(start, end, now.In(zone)); state != was {
			fmt.Println(state, now.UTC().Format(time.RFC3339))
			was = state
		}
	}
}

// state is the scaler's rule: office hours last until the next end, unless the next start comes before it.
// https://github.com/kedacore/keda/blob/v2.21.0/pkg/scalers/cron_scaler.go
func state(start, end cron.Schedule, now time.Time) string {
	if start.Next(now).Before(end.Next(now)) {
		return "off"
	}
	return "on"
}

// schedule parses an expression as the scaler does, whose parser takes five fields and no descriptors.
func schedule(expression string) cron.Schedule {
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	parsed, err := parser.Parse(expression)
	check(err)
	return parsed
}

func instant(text string) time.Time {
	parsed, err := time.Parse(time.RFC3339, text)
	check(err)
	return parsed
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
