// Package plot draws figures as SVG: the same figures make the same bytes. It has a white ground of its own, so that a
// plot can be read on a dark page too.
package plot

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width  = 640 // points
	height = 320
)

// Point is one figure.
type Point struct{ X, Y float64 }

// Series is one line, or one colour of bars.
type Series struct {
	Name   string
	Points []Point
}

// Lines draws each series as a line through its points. On a logarithmic axis every figure must be above zero.
func Lines(w io.Writer, title, xLabel, yLabel string, logX, logY bool, series ...Series) error {
	p := sheet(title, xLabel, yLabel)
	marked := true
	for _, s := range series {
		marked = marked && len(s.Points) <= 20
	}
	if !logY {
		p.Y.Min = 0
	}
	for i, s := range series {
		if len(s.Points) == 0 {
			return fmt.Errorf("%s: no points of %s", title, s.Name)
		}
		points := make(plotter.XYs, len(s.Points))
		for j, point := range s.Points {
			if logX && point.X <= 0 || logY && point.Y <= 0 || math.IsNaN(point.X+point.Y) || math.IsInf(point.X+point.Y, 0) {
				return fmt.Errorf("%s of %s: no place for %v", title, s.Name, point)
			}
			points[j] = plotter.XY(point)
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", title, s.Name, err)
		}
		line.Color, line.Width = palette(i), vg.Points(1.8)
		dots.Color, dots.Shape, dots.Radius = palette(i), draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(line)
		if marked { // many samples hide their own line
			p.Add(dots)
		}
		p.Legend.Add(s.Name, line)
	}
	if !logY {
		p.Y.Max = headroom(p.Y.Max, len(series))
	}
	if logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks{plot.LogTicks{Prec: -1}}
	}
	if logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, ticks{plot.LogTicks{Prec: -1}}
	}
	return write(w, p)
}

// Bars draws a group of bars for each label, one bar of each series; a point's X is the label's index.
func Bars(w io.Writer, title, yLabel string, labels []string, series ...Series) error {
	p := sheet(title, "", yLabel)
	p.Y.Min = 0
	thick := vg.Points(0.7 * (width - 60) / float64(max(1, len(labels)*len(series))))
	for i, s := range series {
		values := make(plotter.Values, len(labels))
		for _, point := range s.Points {
			if at := int(point.X); at >= 0 && at < len(labels) && point.Y >= 0 && !math.IsInf(point.Y, 0) {
				values[at] = point.Y
				continue
			}
			return fmt.Errorf("%s of %s: no place for %v", title, s.Name, point)
		}
		bars, err := plotter.NewBarChart(values, thick)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", title, s.Name, err)
		}
		bars.Color, bars.LineStyle.Width = palette(i), 0
		bars.Offset = thick * vg.Length(2*i-len(series)+1) / 2
		p.Add(bars)
		if len(series) > 1 {
			p.Legend.Add(s.Name, bars)
		}
	}
	p.NominalX(labels...)
	if len(series) > 1 {
		p.Y.Max = headroom(p.Y.Max, len(series))
	}
	return write(w, p)
}

func sheet(title, xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, xLabel, yLabel
	p.Title.Padding = vg.Points(8)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(2)
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{plot.DefaultTicks{}}, ticks{plot.DefaultTicks{}}
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font = font.Font{Typeface: style.Font.Typeface, Variant: "Sans", Size: style.Font.Size}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{230}, color.Gray{230}
	p.Add(grid)
	return p
}

// headroom raises an axis by as many lines as the legend has, which would hide what stands behind it.
func headroom(top float64, lines int) float64 { return top * (1 + 0.06*float64(lines)) }

// ticks writes numbers out, as 10,000 instead of 1e+04.
type ticks struct{ plot.Ticker }

func (t ticks) Ticks(low, high float64) []plot.Tick {
	marks := t.Ticker.Ticks(low, high)
	for i := range marks {
		if marks[i].Label != "" {
			marks[i].Label = written(marks[i].Value)
		}
	}
	return marks
}

func written(v float64) string {
	digits := strconv.FormatFloat(v, 'f', -1, 64)
	if v != math.Trunc(v) || math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	start := 3
	if v < 0 {
		start = 4
	}
	for i := len(digits) - 3; i > start-3; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// palette are colours that differ for the colour-blind too (Okabe and Ito).
func palette(i int) color.Color {
	colors := [...]color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255},
	}
	return colors[i%len(colors)]
}

func write(w io.Writer, p *plot.Plot) error {
	canvas := vgsvg.New(width, height)
	p.Draw(draw.Crop(draw.New(canvas), 8, -12, 8, -8))
	_, err := canvas.WriteTo(w)
	return err
}
