/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: see draw.h. */
#include "draw.h"

#include <math.h>

#define LEFT      60.0
#define TOP       30.0
#define WIDTH     1200.0
#define HEIGHT    400.0
#define LEGEND    170.0
#define LINE      16.0
#define NAMES_MAX 64u /* in a legend */
#define DRAWN_MS  200.0

/* Neighbours differ: by the golden angle. */
static double hue(uint32_t i)
{
    return fmod(i * 137.508, 360);
}

static void begin(FILE *to, double height, const char *title)
{
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
            "font-family=\"sans-serif\" font-size=\"11\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<text x=\"%.0f\" y=\"18\" font-size=\"14\">%s</text>\n",
            LEFT + WIDTH + LEGEND, height, LEFT, title);
}

static void legend(FILE *to, const struct metrics *metrics)
{
    for (uint32_t i = 0; i < metrics->vcpus && i < NAMES_MAX; i++)
        fprintf(to,
                "<rect x=\"%.0f\" y=\"%.0f\" width=\"10\" height=\"10\" "
                "fill=\"hsl(%.0f,65%%,55%%)\"/><text x=\"%.0f\" y=\"%.0f\">%s.%u</text>\n",
                LEFT + WIDTH + 15, TOP + LINE * i, hue(i), LEFT + WIDTH + 30, TOP + 9 + LINE * i,
                metrics->vcpu[i].guest->name, metrics->vcpu[i].index);
}

static double legend_height(const struct metrics *metrics)
{
    return TOP + LINE * (metrics->vcpus < NAMES_MAX ? metrics->vcpus : NAMES_MAX) + 20;
}

static void tick_x(FILE *to, double x, double height, double value, const char *unit)
{
    fprintf(to,
            "<path d=\"M%.1f %.1fv%.1f\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%.1f\" "
            "text-anchor=\"middle\">%g %s</text>\n",
            x, TOP, height, x, TOP + height + 14, value, unit);
}

static void tick_y(FILE *to, double y, double value, const char *unit)
{
    fprintf(to,
            "<path d=\"M%.1f %.1fh%.1f\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%.1f\" "
            "text-anchor=\"end\">%g %s</text>\n",
            LEFT, y, WIDTH, LEFT - 4, y + 4, value, unit);
}

/* How much of the time a timeline has, in ms. */
static double drawn_of(const struct workload *workload)
{
    return fmin(DRAWN_MS, (double)(workload->time - workload->warm_up) / 1e6);
}

void draw_timeline(const struct metrics *metrics, const struct workload *workload, FILE *to)
{
    double height = workload->cpus * 24.0, drawn = drawn_of(workload);

    begin(to, fmax(TOP + height + 30, legend_height(metrics)), "Who runs where");
    for (uint32_t i = 0; i <= 10; i++)
        tick_x(to, LEFT + WIDTH * i / 10, height, drawn * i / 10, "ms");
    for (uint32_t cpu = 0; cpu < workload->cpus; cpu++)
        fprintf(to, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">CPU %u</text>\n", LEFT - 4,
                TOP + 24 * cpu + 15, cpu);
    for (uint32_t i = 0; i < metrics->turns; i++) {
        const struct metrics_turn *turn = &metrics->turn[i];
        double from = ((double)turn->begin - (double)metrics->turns_from) / 1e6 / drawn * WIDTH;
        double until = ((double)turn->end - (double)metrics->turns_from) / 1e6 / drawn * WIDTH;

        from = fmin(fmax(from, 0), WIDTH);
        until = fmin(until, WIDTH);
        fprintf(to,
                "<rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"20\" "
                "fill=\"hsl(%.0f,65%%,55%%)\"><title>%s.%u</title></rect>\n",
                LEFT + from, TOP + 24 * turn->cpu + 2, until - from, hue(turn->vcpu),
                metrics->vcpu[turn->vcpu].guest->name, metrics->vcpu[turn->vcpu].index);
    }
    legend(to, metrics);
    fprintf(to, "</svg>\n");
}

void draw_share(const struct metrics *metrics, const struct workload *workload, FILE *to)
{
    double seconds = (double)(workload->time - workload->warm_up) / 1e9, most = 0;
    double step = WIDTH * (double)metrics->share_step / 1e9 / seconds;

    for (uint32_t i = 0; i < metrics->vcpus; i++)
        for (uint32_t j = 0; j < metrics->shares; j++)
            most = fmax(most, metrics->vcpu[i].share[j]);
    most = most > 0 ? most : 1;
    begin(to, fmax(TOP + HEIGHT + 30, legend_height(metrics)), "Share of a CPU over time");
    for (uint32_t i = 0; i <= 10; i++)
        tick_x(to, LEFT + WIDTH * i / 10, HEIGHT, seconds * i / 10, "s");
    for (uint32_t i = 0; i <= 5; i++)
        tick_y(to, TOP + HEIGHT - HEIGHT * i / 5, round(most * i * 200) / 10, "%");
    for (uint32_t i = 0; i < metrics->vcpus; i++) {
        fprintf(to, "<path fill=\"none\" stroke=\"hsl(%.0f,65%%,45%%)\" d=\"", hue(i));
        for (uint32_t j = 0; j < metrics->shares; j++)
            fprintf(to, "%c%.1f %.1f", j ? 'L' : 'M', LEFT + step * (j + 0.5),
                    TOP + HEIGHT - HEIGHT * metrics->vcpu[i].share[j] / most);
        fprintf(to, "\"/>\n");
    }
    legend(to, metrics);
    fprintf(to, "</svg>\n");
}

/* 1 us to 1 s, by powers of ten. */
static double latency_x(double ns)
{
    return LEFT + WIDTH * fmin(fmax(log10(fmax(ns, 1) / 1000) / 6, 0), 1);
}

void draw_latency(const struct metrics *metrics, FILE *to)
{
    static const char *const units[] = {"us", "us", "us", "ms", "ms", "ms", "s"};
    double values[] = {1, 10, 100, 1, 10, 100, 1}, power = 1000;

    begin(to, fmax(TOP + HEIGHT + 30, legend_height(metrics)), "Wake-ups that run within a time");
    for (uint32_t i = 0; i < 7; i++, power *= 10)
        tick_x(to, latency_x(power), HEIGHT, values[i], units[i]);
    for (uint32_t i = 0; i <= 5; i++)
        tick_y(to, TOP + HEIGHT - HEIGHT * i / 5, 20.0 * i, "%");
    for (uint32_t i = 0; i < metrics->vcpus; i++) {
        const struct metrics_vcpu *vcpu = &metrics->vcpu[i];

        if (!vcpu->wakes)
            continue;
        fprintf(to, "<path fill=\"none\" stroke=\"hsl(%.0f,65%%,45%%)\" d=\"M%.1f %.1f", hue(i),
                LEFT, TOP + HEIGHT);
        for (uint32_t j = 0; j <= 200; j++) {
            double part = j / 200.0;

            fprintf(to, "L%.1f %.1f", latency_x((double)metrics_percentile(vcpu, part)),
                    TOP + HEIGHT - HEIGHT * part);
        }
        fprintf(to, "\"/>\n");
    }
    legend(to, metrics);
    fprintf(to, "</svg>\n");
}
