// The charts: uPlot does the drawing. Enters: samples. Leaves: canvases.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Samples } from "./samples";
import { clock, short, duration } from "./format";

interface Line {
  label: string;
  stroke: string;
  column: (s: Samples, minutes: number) => (number | null)[];
}

interface Chart {
  title: string;
  spans?: boolean; // seconds in which nothing was measured are no gaps
  least: number; // the axis goes up to this at least, or nothing at all would look like something
  value: (v: number) => string;
  lines: Line[];
}

const [BLUE, GREEN, RED, AMBER] = ["#2f7fc1", "#2e9e63", "#d0574b", "#c98a12"];
const rate = (name: string) => (s: Samples, minutes: number) => s.rates(name, minutes);
const gauge = (name: string) => (s: Samples, minutes: number) => s.column(name, minutes);

const charts: Chart[] = [
  {
    title: "Throughput, a second",
    least: 10,
    value: short,
    lines: [
      { label: "transactions", stroke: BLUE, column: rate("transactions") },
      { label: "fills", stroke: GREEN, column: rate("fills") },
      { label: "rejects", stroke: RED, column: rate("rejects") },
      { label: "messages out", stroke: AMBER, column: rate("messages_out") },
    ],
  },
  {
    title: "Order to answer",
    least: 1e-6,
    spans: true,
    value: duration,
    lines: [
      { label: "p50", stroke: GREEN, column: gauge("latency_p50") },
      { label: "p99", stroke: AMBER, column: gauge("latency_p99") },
      { label: "p99.9", stroke: RED, column: gauge("latency_p999") },
    ],
  },
  {
    title: "Open orders and sessions",
    least: 10,
    value: short,
    lines: [
      { label: "orders", stroke: BLUE, column: gauge("orders_open") },
      { label: "sessions", stroke: GREEN, column: gauge("sessions") },
    ],
  },
  { title: "Export lag", least: 1, value: duration, lines: [{ label: "lag", stroke: AMBER, column: gauge("export_lag") }] },
];

const HEIGHT = 170;

/** Times as the log and the page's clock have them: UTC, 24 hours. */
const utc = (seconds: number) => clock(seconds * 1000).slice(0, 8);

function options(chart: Chart, width: number): uPlot.Options {
  // Asked for at each drawing: the browser may go from light to dark while the page is open.
  const colour = (name: string) => () => getComputedStyle(document.body).getPropertyValue(name);
  const ink = colour("--faint");
  const grid = { stroke: colour("--line"), width: 1 };
  return {
    title: chart.title,
    width,
    height: HEIGHT,
    padding: [null, 30, null, null], // half of the last time's width
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { y: { range: (_u, _min, max) => [0, Math.max((max ?? 0) * 1.1, chart.least)] } },
    axes: [
      { stroke: ink, grid, space: 70, values: (_u, ticks) => ticks.map(utc) },
      { stroke: ink, grid, size: 62, values: (_u, ticks) => ticks.map(chart.value) },
    ],
    series: [
      { label: "at", value: (_u: uPlot, v: number | null) => (v === null ? "–" : utc(v)) },
      ...chart.lines.map((line) => ({
        label: line.label,
        stroke: line.stroke,
        width: 1.5,
        points: { show: false },
        spanGaps: chart.spans ?? false,
        value: (_u: uPlot, v: number | null) => (v === null ? "–" : chart.value(v)),
      })),
    ],
  };
}

export class Charts {
  private plots: uPlot[] = [];
  private boxes: HTMLElement[] = [];

  constructor(parent: HTMLElement) {
    for (const chart of charts) {
      const box = document.createElement("div");
      box.className = "chart";
      parent.append(box);
      this.boxes.push(box);
      this.plots.push(new uPlot(options(chart, 300), [[], ...chart.lines.map(() => [])], box));
    }
    new ResizeObserver(() => this.fit()).observe(parent);
  }

  draw(samples: Samples, minutes: number): void {
    const times = samples.times(minutes);
    charts.forEach((chart, i) => {
      const columns = chart.lines.map((line) => line.column(samples, minutes));
      this.boxes[i]!.hidden = columns.every((column) => column.every((v) => v === null)); // this venue has no such thing
      this.show(this.plots[i]!, [times, ...columns], minutes);
    });
    this.fit();
  }

  /** The whole time that was asked for, and beneath it the newest values unless a finger or mouse points at others. */
  private show(plot: uPlot, data: uPlot.AlignedData, minutes: number): void {
    const newest = data[0].at(-1) ?? 0;
    plot.batch(() => {
      plot.setData(data, false);
      plot.setScale("x", { min: newest - minutes * 60, max: newest });
    });
    if (plot.cursor.idx == null && data[0].length > 0) plot.setLegend({ idx: data[0].length - 1 });
  }

  private fit(): void {
    this.plots.forEach((plot, i) => {
      const style = getComputedStyle(this.boxes[i]!);
      const width = this.boxes[i]!.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    });
  }
}
